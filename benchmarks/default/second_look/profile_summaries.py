from lab import *
def sigdesc(S,inp):
    tt=inp.lo+(np.arange(S.shape[1])+.5)*inp.step; th=np.radians(tt/2); q=np.sin(th); lp=(1+np.cos(2*th)**2)/(q**2*np.cos(th))
    S=S.astype(np.float64); I=S**2
    n=lambda a:a/a.sum(1,keepdims=True)
    s,p,w=n(S),n(I),n(I/lp)
    mx=(S[:,1:-1]>S[:,:-2])&(S[:,1:-1]>=S[:,2:])&(S[:,1:-1]>.05*S.max(1,keepdims=True))
    mx2=(S[:,1:-1]>S[:,:-2])&(S[:,1:-1]>=S[:,2:])&(S[:,1:-1]>.3*S.max(1,keepdims=True))
    ent=lambda a:-(a*np.log(a+1e-12)).sum(1)
    m=lambda a:(a*q).sum(1); sd=lambda a:np.sqrt(np.maximum((a*q**2).sum(1)-m(a)**2,0))
    return np.stack([m(s),m(p),m(w),sd(s),sd(p),sd(w),ent(s),ent(p),np.log(mx.sum(1)+1),np.log(mx2.sum(1)+1)],1)
NAMES='m_s m_p m_w sd_s sd_p sd_w ent_s ent_p peaks5 peaks30'.split()
def both(inp):
    f=lambda c,n:np.concatenate([sigdesc(inp(c,np.arange(a,min(n,a+1000))).numpy(),inp) for a in range(0,n,1000)])
    D,DU_=f(Lcsr,len(y)),f(Ucsr,len(UI)); mu,sd=DU_.mean(0),DU_.std(0); return (D-mu)/sd,(DU_-mu)/sd
if __name__=='__main__':
    D,DUx=both(Inp(.3,.2)); np.savez('sig.npz',D=D,DU=DUx)
    for k,nm in enumerate(NAMES): print(nm,'%.3f'%auc(D[dev][:,k],y[dev]),end=' '); 
    print()
    X=np.concatenate([std(*[np.load(f'Z_cs{s}.npz')[k] for k in('Z','ZU')])[0] for s in range(4)],1)/2
    d=np.load('H.npz');H,HU=d['H'],d['HU'];Xh=(H-HU.mean(0))/HU.std(0)/H.shape[1]**.5
    sets={'all10':range(10),'moments6':range(6),'m_s,m_w,ent_p,peaks':[0,2,7,8],'six+ent_p':[0,1,2,3,4,5,7],'means+ent':[0,1,2,6,7],'peaks,ent':[6,7,8,9]}
    for nm,dr in (('DR',DR),('DU',DU)):
        for k,ix in sets.items():
            E=D[:,list(ix)]/len(list(ix))**.5
            for C in (.3,3): say(f'{k} {nm} C{C}',evaluate(logit(E,C),dr))
            for C in (.3,3): say(f'cs+{k} {nm} C{C}',evaluate(logit(np.c_[X,E],C),dr))
