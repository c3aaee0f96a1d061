from common import *
from shares import f1q
dr=draws(60)[:40]
def sgd_head(X,XU,tr,seed,lr=2e-3,steps=200,ssl=None,prior=.2,lam=1.,bu=96,ema=.95,drop=.3,mom=.9,wd=0):
    r=np.random.default_rng(seed); d=X.shape[1]; w=np.zeros(d);b=0.;vw=np.zeros(d);vb=0;we=w;be=0.;run=.5
    xt=X[tr];t=(y[tr]==0).astype(float); sg=lambda z:1/(1+np.exp(-z))
    for s in range(steps):
        e=sg(xt@w+b)-t; gw=xt.T@e/len(t); gb=e.mean()
        if ssl:
            u=XU[r.integers(0,len(XU),bu)]; q=sg(u@we+be); run=.9*run+.1*q.mean()
            a=q*prior/run; c=(1-q)*(1-prior)/(1-run); qa=a/(a+c)
            m=(r.random((1,d))>=drop)/(1-drop) if drop else 1
            us=u*m; p=sg(us@w+b)
            if ssl=='soft': k=np.ones(bu); y_=qa
            else: y_=(qa>.5)*1.; k=(np.maximum(qa,1-qa)>=.8)*1.
            e=(p-y_)*k; gw=gw+lam*us.T@e/bu; gb=gb+lam*e.mean()
        vw=mom*vw+gw+wd*w; vb=mom*vb+gb; w=w-lr*vw; b=b-lr*vb
        k=min(ema,s/(s+10)); we=k*we+(1-k)*w; be=k*be+(1-k)*b
    return we,be
def run(tag,X,XU,**kw):
    A=[];F=[];Q=[];PR=[]
    for i,(tr,te) in enumerate(dr):
        w,b=sgd_head(X,XU,tr,i,**kw); f=X[te]@w+b; A.append(auc(f,y[te])); F.append([f1m((f+o<0).astype(int),y[te]) for o in (0,np.log(.25))]);Q.append([f1q(f,y[te],.15),f1q(f,y[te],.2)]); PR.append((f>0).mean())
    print(f'{tag} {kw} AUC {np.mean(A):.3f} F1 {np.round(np.mean(F,0),3)} F1q {np.round(np.mean(Q,0),3)} share {np.mean(PR):.2f}',flush=True)
if __name__=='__main__':
  for ts in (['c1'],['cs1','cs2']):
    Xs=[];XUs=[]
    for t in ts:
        d=np.load(f'Z_{t}.npz'); Z,ZU=d['Z'],d['ZU']; m=ZU.mean(0); s=np.sqrt(((ZU-m)**2).sum(1).mean()); Xs.append((Z-m)/s);XUs.append((ZU-m)/s)
    X=np.concatenate(Xs,1)/len(ts)**.5;XU=np.concatenate(XUs,1)/len(ts)**.5; t='+'.join(ts)
    for lr in (.01,.1,1.): run(t,X,XU,lr=lr*.1,steps=200)
    for ssl in ('soft','hard'):
        for prior in (.2,.1):
            for lam in (1.,5.): run(t,X,XU,lr=.03,steps=300,ssl=ssl,prior=prior,lam=lam)
