from lab import *
def ece(m,t,bins=10):
    b=np.minimum((m*bins).astype(int),bins-1); pos=(t==0); return sum((b==k).mean()*abs(m[b==k].mean()-pos[b==k].mean()) for k in range(bins) if (b==k).any())
sg=lambda z:1/(1+np.exp(-np.clip(z,-50,50)))
def load(seeds):
    A=[std(*[np.load(f'Z_{s}.npz')[k] for k in('Z','ZU')]) for s in seeds]
    return np.concatenate([a for a,_ in A],1)/len(A)**.5,np.concatenate([b for _,b in A],1)/len(A)**.5
def train(X,XU,dr,lr=.03,steps=300,ssl='soft',prior=.2,lam=1.,bu=64,ema=.95,drop=.3,wd=0.,temp=1.,mom_run=.9,smooth=0.,seed=0,cos=True,pw=1.):
    r=np.random.default_rng(seed); d=X.shape[1]; n=len(dr); W=np.zeros((d,n));b=np.zeros(n);vW=np.zeros((d,n));vb=np.zeros(n);We=W;be=b;run=np.full(n,.5)
    M=np.zeros((n,len(y)));
    for i,(tr,_) in enumerate(dr): M[i,tr]=1/len(tr)
    t=(y==0)*(1-smooth)+smooth/2
    for s in range(steps):
        l=lr*(.5*(1+np.cos(np.pi*s/steps)) if cos else 1)
        e=M.T*(sg(X@W+b)-t[:,None]); gW=X.T@e; gb=e.sum(0)
        if ssl:
            u=XU[r.integers(0,len(XU),bu)]; q=sg(u@We+be); run=mom_run*run+(1-mom_run)*q.mean(0)
            z=(u@We+be)+np.log(prior/(1-prior))-np.log(run/(1-run)); qa=sg(z/temp)
            us=u*((r.random((1,d))>=drop)/(1-drop)) if drop else u
            p=sg(us@W+b)
            if ssl=='hard': e=(p-(z>0))
            else: e=(p-qa)
            gW=gW+lam*us.T@e/bu; gb=gb+lam*e.mean(0)
        vW=.9*vW+gW; vb=.9*vb+gb
        W=W*(1-l*wd)-l*vW; b=b-l*vb
        k=min(ema,s/(s+10)); We=k*We+(1-k)*W;be=k*be+(1-k)*b
    return (X@We+be).T,(XU[::9]@We+be).T
def show(tag,F,dr):
    r=evaluate(lambda tr,i:F[i],dr); r['ece']=ece(r['m'],y[r['ok']])
    print(f"{tag:64s} AUC {r['auc'].mean():.3f} F1 {r['f1'].mean():.3f} F1q {r['f1q'].mean():.3f} share {r['share']:.2f} | oob AUC {r['oob_auc']:.3f} F1 {r['oob_f1']:.3f} F1q {r['oob_f1q']:.3f} ECE {r['ece']:.3f}",flush=True); return r
if __name__=='__main__':
    import itertools
    for seeds in (['cs0','cs1'],['cs2','cs3']):
        X,XU=load(seeds); XU=XU.astype(np.float32);X=X.astype(np.float32)
        for kw in [dict(ssl=None),dict(),dict(lr=.003),dict(lr=.01),dict(steps=1000),dict(lam=3),dict(lam=10),
                   dict(temp=.5),dict(temp=.25),dict(ssl='hard'),dict(ssl='hard',lam=3),dict(temp=.5,lam=3),dict(temp=.5,lam=3,prior=.15),dict(temp=.7,lam=3),
                   dict(smooth=.5,temp=.5),dict(wd=.3,lam=3),dict(temp=.5,lam=3,smooth=.5),dict(lr=.01,temp=.5,lam=3)]:
            for nm,dr in (('DR',DR),('DU',DU)):
                show(f"{'+'.join(seeds)} {nm} {kw}",train(X,XU,dr,**kw)[0],dr)
