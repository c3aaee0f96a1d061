import os, pickle, json, numpy as np, torch, sys, time
from data import parse
torch.set_num_threads(1)
L,U=pickle.load(open('data.pkl','rb'))
names,forms,y,cond,LI=L
unames,uforms,_,_,UI=U
S=json.load(open(os.environ['XRDMATCH_DATA']+'/paper_splits.json'))
held=set(S['held_out']); pos={n:i for i,n in enumerate(names)}
dev=np.array([i for i,n in enumerate(names) if n not in held])
# targets
comps=[parse(f) for f in uforms]
els={}
for c in comps:
    for e in c: els[e]=els.get(e,0)+1
EL=sorted([e for e in els if els[e]>=20 and e!='Li'])
eix={e:i for i,e in enumerate(EL)}
ELx=['Li']+EL+['?']
fx={e:i for i,e in enumerate(ELx)}
def frac(c):
    v=np.zeros(len(ELx),np.float32); t=sum(c.values())
    for e,n in c.items(): v[fx.get(e,len(ELx)-1)]+=n/t
    return v
T=np.stack([frac(c) for c in comps])           # fractions
P=(T>0).astype(np.float32)
# flat CSR
def csr(I):
    off=np.cumsum([0]+[len(a) for a,_ in I]); idx=np.concatenate([a for a,_ in I]); 
    val=np.concatenate([v/v.max() for _,v in I]); return off,idx,val
Ucsr=csr(UI); Lcsr=csr(LI)
class Inp:
    """sqrt, gaussian blur sigma deg, bins of step deg from lo to hi"""
    def __init__(s,sigma=0.3,step=0.2,power=0.5,lo=5.,hi=90.):
        s.sigma,s.step,s.power,s.lo,s.hi=sigma,step,power,lo,hi
        s.sub=2; s.f=step/s.sub; s.n=int(round((hi-lo)/step)); 
        s.reach=int(np.ceil(4*sigma/s.f)); d=np.arange(-s.reach,s.reach+1)*s.f
        s.k=np.exp(-.5*(d/sigma)**2).astype(np.float32) if sigma>0 else np.array([1.],np.float32)
    def __call__(s,c,rows,rng=None,strain=0.,jit=0.,drop=0.,shift=0.,sigjit=0.):
        off,idx,val=c
        B=len(rows); ln=off[rows+1]-off[rows]
        r=np.repeat(np.arange(B),ln)
        sel=np.repeat(off[rows]-np.concatenate([[0],np.cumsum(ln)[:-1]]),ln)+np.arange(ln.sum())
        tt=idx[sel]*0.02; v=val[sel]
        if rng is not None:
            if strain>0:
                e=1+rng.uniform(-strain,strain,B).astype(np.float32)
                x=np.sin(np.radians(tt/2))*e[r]; ok=x<1; x=np.minimum(x,1); tt=2*np.degrees(np.arcsin(x)); v=v*ok
            if shift>0: tt=tt+rng.uniform(-shift,shift,B)[r]
            if jit>0: v=v*np.exp(rng.normal(0,jit,len(v)))
            if drop>0: v=v*(rng.random(len(v))>=rng.uniform(0,drop,B)[r])
        nf=s.n*s.sub
        # additive binning on fine grid
        x=(tt-s.lo)/s.f
        i=np.floor(x).astype(np.int64); w=x-i
        H=np.zeros(B*(nf+1),np.float32)
        ok=(i>=0)&(i<nf)
        H+=np.bincount(r[ok]*(nf+1)+i[ok],(v*(1-w))[ok],B*(nf+1)).astype(np.float32)
        ok=(i+1>=0)&(i+1<nf)
        H+=np.bincount(r[ok]*(nf+1)+i[ok]+1,(v*w)[ok],B*(nf+1)).astype(np.float32)
        H=H.reshape(B,nf+1)[:,:nf]
        H=torch.from_numpy(H)
        if len(s.k)>1:
            H=torch.nn.functional.conv1d(H[:,None],torch.from_numpy(s.k)[None,None],padding=s.reach)[:,0]
        H=H[:,s.sub//2::s.sub].clamp_min(0)
        H=H**s.power
        H=H/(H.norm(dim=1,keepdim=True)+1e-6)*(H.shape[1]**.5)   # rms 1
        return H
# groups of twins among labelled rows
def groups(th=0.93):
    X=Inp(0.2,0.1,1.0)(Lcsr,np.arange(len(y))).numpy(); X/=np.linalg.norm(X,axis=1,keepdims=True); C=X@X.T
    g=np.arange(len(y))
    for i in range(len(y)):
        for j in range(i):
            if C[i,j]>th or forms[i]==forms[j]:
                g[g==g[i]]=g[j]
    return g
G=groups()
def draws(n=60,seed=1,m=10):
    """development draws: m+m training rows from dev rows, test = dev rows whose group has no training row"""
    rng=np.random.default_rng(seed); out=[]
    for _ in range(n):
        tr=np.concatenate([rng.permutation(dev[y[dev]==c])[:m] for c in (0,1)])
        te=np.array([i for i in dev if G[i] not in set(G[tr])])
        out.append((tr,te))
    return out
def published():
    return [(np.array([pos[n] for n in e['labeled']]),np.array([pos[n] for n in e['evaluation']])) for e in S['experiments']]
def auc(p,t):
    a=p[t==0];b=p[t==1]
    return ((a[:,None]>b[None]).mean()+.5*(a[:,None]==b[None]).mean())
def f1m(pred,t):
    o=[]
    for c in (0,1):
        tp=((pred==c)&(t==c)).sum(); d=(pred==c).sum()+(t==c).sum(); o.append(2*tp/d if d else 0)
    return np.mean(o)
def logit_fit(X,t,C,iters=50):
    """L2 logistic regression, balanced; returns w,b; positive=class 0. dual/kernel Newton"""
    n=len(t); K=X@X.T*C   # prior var C
    s=np.where(t==0,1.,-1.)
    f=np.zeros(n); b=0.
    # Newton on alpha with bias var 10
    K=K+10.
    for _ in range(iters):
        p=1/(1+np.exp(-f)); W=p*(1-p)+1e-9; g=(s+1)/2-p
        bb=W*f+g; B=np.eye(n)+np.sqrt(W)[:,None]*K*np.sqrt(W)[None]
        a=bb-np.sqrt(W)*np.linalg.solve(B,np.sqrt(W)*(K@bb)); fn=K@a
        if np.abs(fn-f).max()<1e-7: f=fn;break
        f=fn
    return a,K
def head(Z,tr,te,C=0.01,prior=0.2):
    X=Z[tr]; a,K=logit_fit(X,y[tr],C)
    f=(Z[te]@X.T*C+10.)@a
    return f+np.log(prior/(1-prior))
def score(Z,dr,C,prior=0.2):
    A=[];F=[]
    for tr,te in dr:
        f=head(Z,tr,te,C,prior); A.append(auc(f,y[te])); F.append(f1m((f<0).astype(int),y[te]))
    return np.mean(A),np.mean(F)
def report(Z,tag,dr):
    mu=Z.mean(0);sd=Z.std(0)+1e-6
    for nm,X in (('raw',Z),):
        X=X-X.mean(0); X=X/np.sqrt((X**2).sum(1).mean())
        for C in (1,3,10,30,100):
            a,f=score(X,dr,C); a2,f2=score(X,dr,C,0.12)
            print(f'{tag} {nm} C={C} AUC {a:.3f} F1@.2 {f:.3f} F1@.12 {f2:.3f}',flush=True)
